-- Resources by the time that calls on them took.
-- $limit = 30: how many
select path, path_kind, sum(duration_ns) / 1000 as us, count(*) as processes, sum(reads) as reads, sum(writes) as writes,
       human_bytes(sum(bytes_read) + sum(bytes_written)) as moved
from accesses
group by path, path_kind
order by sum(duration_ns) desc
limit $limit
