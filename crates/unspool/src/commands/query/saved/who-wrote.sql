-- Who changed a file: every process that wrote, made, renamed, removed or truncated it.
-- $path: the file, as `/etc/hosts`
select run, command, pid, path, actions, writes, human_bytes(bytes_written) as written, first_time, last_time
from accesses
where path = $path
  and (writes > 0 or actions like '%create%' or actions like '%rename%' or actions like '%delete%'
       or actions like '%truncate%' or actions like '%link%')
order by first_time
