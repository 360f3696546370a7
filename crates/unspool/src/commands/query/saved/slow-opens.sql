-- The slowest opens.
-- $limit = 20: how many
select time, command, pid, path, duration_ns / 1000 as us, result, error
from events
where name in ('open', 'openat', 'openat2', 'creat') and duration_ns is not null
order by duration_ns desc
limit $limit
