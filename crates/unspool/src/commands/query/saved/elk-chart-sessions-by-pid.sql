-- elkpump, chart: sessions of each process.
select pid, count(distinct session_id) as sessions
from events
where session_id is not null
group by pid
order by sessions desc, pid
