-- Descriptors that a process opened and left for its end to close.
select run, command, pid, s.path, count(*) as descriptors, min(fd) as first_fd, max(fd) as last_fd
from descriptors d
join (select run as of_run, session_id as id, path from sessions) s on s.of_run = d.run and s.id = d.session_id
where origin in ('opened', 'duplicated', 'received') and fd > 2 and (closed_by = 'exit' or closed_by is null)
group by run, command, pid, s.path
order by descriptors desc, command, s.path
