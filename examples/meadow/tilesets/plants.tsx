<?xml version="1.0" encoding="UTF-8"?>
<tileset version="1.10" tiledversion="1.10.2" name="plants" tilewidth="16" tileheight="16" tilecount="24" columns="8">
 <image source="plants.png" width="128" height="48"/>
</tileset>
