-- elkpump: what was done through descriptors of shared libraries.
select cast(time as bigint) / 1000 as u_epoch, pid, name as syscall, path as objectname, bytes as size,
       session_id as sessionid, duration_ns / 1000 as u_runt
from events
where name in ('open', 'openat', 'openat2', 'creat', 'close', 'read', 'write', 'pread64', 'pwrite64', 'mmap') and session_id is not null
  and (path like '%.so' or path like '%.so.%')
order by seq
