<?xml version="1.0" encoding="UTF-8"?>
<tileset version="1.10" tiledversion="1.10.2" name="buildings" tilewidth="16" tileheight="16" tilecount="45" columns="9">
 <image source="buildings.png" width="144" height="80"/>
</tileset>
