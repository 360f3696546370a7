-- elkpump: the same, only private mappings.
select cast(time as bigint) / 1000 as u_epoch, pid, name as syscall, path as objectname, bytes as size,
       session_id as sessionid, duration_ns / 1000 as u_runt
from events
where name in ('mmap', 'mmap2') and path is not null and args like '%MAP_PRIVATE%'
  and not (path like '%.so' or path like '%.so.%')
order by seq
