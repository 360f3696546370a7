create temp table loaded(customer, region, zone, wh integer, cents integer);
.mode csv
.separator ;
.import out/DAY/settled.csv loaded
delete from settled where day = 'DAY';
insert into settled select 'DAY', customer, region, zone, wh, cents from loaded;
