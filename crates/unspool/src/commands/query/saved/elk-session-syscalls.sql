-- elkpump: calls of one session.
-- $session: its id, as the column `sessionid` of the others shows
select cast(time as bigint) / 1000 as u_epoch, pid, name as syscall, path as objectname, bytes as size,
       session_id as sessionid, duration_ns / 1000 as u_runt
from events
where session_id = $session
order by seq
