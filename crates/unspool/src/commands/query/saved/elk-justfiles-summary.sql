-- elkpump: calls on files, without pipes, sockets and devices.
select cast(time as bigint) / 1000 as u_epoch, pid, name as syscall, path as objectname, bytes as size,
       session_id as sessionid, duration_ns / 1000 as u_runt
from events
where path_kind = 'file'
order by seq
