<?xml version="1.0" encoding="UTF-8"?>
<tileset version="1.10" tiledversion="1.10.2" name="people" tilewidth="16" tileheight="16" tilecount="16" columns="8">
 <image source="people.png" width="128" height="32"/>
 <tile id="0">
  <properties>
   <property name="visual" value="wanderer"/>
  </properties>
 </tile>
 <tile id="1">
  <properties>
   <property name="visual" value="innkeeper"/>
  </properties>
 </tile>
 <tile id="2">
  <properties>
   <property name="visual" value="elder"/>
  </properties>
 </tile>
 <tile id="3">
  <properties>
   <property name="visual" value="trader"/>
  </properties>
 </tile>
 <tile id="4">
  <properties>
   <property name="visual" value="smith"/>
  </properties>
 </tile>
 <tile id="5">
  <properties>
   <property name="visual" value="farmer"/>
  </properties>
 </tile>
 <tile id="6">
  <properties>
   <property name="visual" value="miller"/>
  </properties>
 </tile>
 <tile id="7">
  <properties>
   <property name="visual" value="shepherd"/>
  </properties>
 </tile>
 <tile id="8">
  <properties>
   <property name="visual" value="sheep"/>
  </properties>
 </tile>
 <tile id="9">
  <properties>
   <property name="visual" value="black sheep"/>
  </properties>
 </tile>
 <tile id="10">
  <properties>
   <property name="visual" value="child"/>
  </properties>
 </tile>
 <tile id="11">
  <properties>
   <property name="visual" value="woodcutter"/>
  </properties>
 </tile>
 <tile id="12">
  <properties>
   <property name="visual" value="fisher"/>
  </properties>
 </tile>
 <tile id="13">
  <properties>
   <property name="visual" value="painter"/>
  </properties>
 </tile>
 <tile id="14">
  <properties>
   <property name="visual" value="grandmother"/>
  </properties>
 </tile>
 <tile id="15">
  <properties>
   <property name="visual" value="cat"/>
  </properties>
 </tile>
</tileset>
