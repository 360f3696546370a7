-- What was waited for: calls that sleep until something happens.
-- $limit = 30: how many rows
select command, name, path, count(*) as calls, sum(duration_ns) / 1000000 as ms, max(duration_ns) / 1000000 as longest_ms
from events
where name in ('wait4', 'waitid', 'futex', 'poll', 'ppoll', 'select', 'pselect6', 'epoll_wait', 'epoll_pwait', 'epoll_pwait2',
               'nanosleep', 'clock_nanosleep', 'pause', 'rt_sigsuspend', 'rt_sigtimedwait', 'flock', 'fsync', 'fdatasync')
   or (direction = 'in' and path_kind in ('pipe', 'socket'))
   or name in ('accept', 'accept4', 'connect')
group by command, name, path
order by sum(duration_ns) desc
limit $limit
