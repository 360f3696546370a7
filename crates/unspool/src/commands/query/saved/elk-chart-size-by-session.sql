-- elkpump, chart: bytes moved by each process, and of these by each session.
select pid, session_id as sessionid, min(path) as objectname, sum(bytes) as size
from events
where direction is not null
group by pid, session_id
having sum(bytes) > 0
order by pid, size desc
