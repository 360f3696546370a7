-- elkpump, chart: the twenty sessions with most calls.
select session_id as sessionid, min(path) as objectname, count(*) as calls
from events
where session_id is not null
group by session_id
order by calls desc, sessionid
limit 20
