-- elkpump: processes and threads made.
select cast(time as bigint) / 1000 as u_epoch, pid, name as syscall, path as objectname, bytes as size,
       session_id as sessionid, duration_ns / 1000 as u_runt
from events
where name in ('clone', 'clone3', 'fork', 'vfork') and kind = 'syscall'
order by seq
