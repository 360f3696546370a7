-- Who gave data to whom, and through what.
select run, source, source_pid, target, target_pid, kind, path, count, first_time, last_time
from links
where kind in ('data', 'connect')
order by count desc, first_time
