begin immediate;
create temp table came (sku text, warehouse text, category int, cents int, stock int);
create temp table named (id int, name text);
.mode csv
.import var/offers.csv came
.import var/categories.csv named
delete from offers where (sku, warehouse) in (select sku, warehouse from came);
insert into offers select came.sku, warehouse, named.name, cents, stock, datetime('now') from came join named on named.id = came.category;
insert into journal select datetime('now'), count(*), sum(cents) from came;
commit;
