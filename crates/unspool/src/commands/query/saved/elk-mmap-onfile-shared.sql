-- elkpump: the same, only shared mappings.
select cast(time as bigint) / 1000 as u_epoch, pid, name as syscall, path as objectname, bytes as size,
       session_id as sessionid, duration_ns / 1000 as u_runt
from events
where name in ('mmap', 'mmap2') and path is not null and args like '%MAP_SHARED%'
  and not (path like '%.so' or path like '%.so.%')
order by seq
