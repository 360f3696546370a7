-- elkpump: calls that moved bytes.
select cast(time as bigint) / 1000 as u_epoch, pid, name as syscall, path as objectname, bytes as size,
       session_id as sessionid, duration_ns / 1000 as u_runt
from events
where direction is not null and bytes is not null
order by seq
