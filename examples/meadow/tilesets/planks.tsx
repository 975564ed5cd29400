<?xml version="1.0" encoding="UTF-8"?>
<tileset version="1.10" tiledversion="1.10.2" name="planks" tilewidth="16" tileheight="16" tilecount="6" columns="3">
 <image source="planks.png" width="48" height="32"/>
</tileset>
