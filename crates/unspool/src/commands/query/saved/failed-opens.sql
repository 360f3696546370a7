-- Opens that failed, by folder and error.
select dirname(path) as folder, error, count(*) as calls, count(distinct path) as files, min(command) as a_command
from events
where failed and name in ('open', 'openat', 'openat2', 'creat')
group by dirname(path), error
order by calls desc, folder
