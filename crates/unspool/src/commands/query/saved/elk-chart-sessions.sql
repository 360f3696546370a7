-- elkpump, chart: how many sessions there were.
select count(distinct session_id) as sessions
from events
