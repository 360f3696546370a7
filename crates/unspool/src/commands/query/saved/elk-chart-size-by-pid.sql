-- elkpump, chart: bytes moved by each process, the twenty largest.
select pid, sum(bytes) as size
from events
where direction is not null
group by pid
having sum(bytes) > 0
order by size desc, pid
limit 20
