//! The six queries: as a user of `unspool query` writes them, and as one of `DuckDB` has to, over the same files.

/// A question in two dialects.
pub(super) struct Question {
    /// What is asked.
    pub(super) name: &'static str,
    /// How far numbers may be apart, in millionths, and by one.
    pub(super) tolerance: u64,
    /// Over the readable tables.
    pub(super) ours: &'static str,
    /// Over the files, whose columns hold ids.
    pub(super) theirs: &'static str,
}

/// `{pid}`, `{process}` and `{from}`, `{until}` (seconds since the epoch) stand for a busy process and two seconds of it.
pub(super) const QUESTIONS: &[Question] = &[
    Question {
        name: "count by call",
        tolerance: 0,
        ours: "select name, count(*), sum(bytes), count(*) filter (where failed) from events group by name",
        theirs: "with sums as (select name, count(*) calls, sum(bytes) bytes, count(*) filter (where outcome = 1) failed from events group by name)
                 select value, calls, bytes, failed from sums join strings on id = name",
    },
    Question {
        name: "top files by bytes",
        tolerance: 0,
        ours: "select path, sum(bytes) as moved, count(*) from events where bytes is not null and path is not null
               group by path order by moved desc, path limit 20",
        theirs: "with sums as (select resource, sum(bytes) moved, count(*) calls from events where bytes is not null and resource is not null group by resource)
                 select value, moved, calls from sums join resources r on r.id = resource join strings s on s.id = r.name order by moved desc, value limit 20",
    },
    Question {
        name: "bytes per second per process",
        tolerance: 0,
        ours: "select date_part('epoch', date_trunc('second', time))::bigint as second, process_id, sum(bytes) filter (where direction = 'in'),
               sum(bytes) filter (where direction = 'out') from events where bytes is not null group by date_trunc('second', time), process_id",
        theirs: "select time_us // 1000000 as second, process, sum(bytes) filter (where action in (4, 6)), sum(bytes) filter (where action in (5, 7))
                 from events where bytes is not null group by 1, 2",
    },
    Question {
        name: "one pid in two seconds",
        tolerance: 0,
        ours: "select seq, time::bigint, duration_ns, tid, name, path, ret, bytes, fd, session_id from events
               where pid = {pid} and time >= to_timestamp({from}) and time < to_timestamp({until})",
        theirs: "with few as (select * from events where pid = {pid} and time_us >= {from}000000 and time_us < {until}000000)
                 select seq, time_us * 1000 + time_sub_ns, duration_us * 1000 + duration_sub_ns, coalesce(tid, pid), n.value, p.value, case when outcome = 0 then coalesce(ret, bytes::bigint) end, bytes, fd, session
                 from few join strings n on n.id = few.name left join resources r on r.id = few.resource left join strings p on p.id = r.name",
    },
    Question {
        name: "events x sessions x processes",
        tolerance: 0,
        ours: "select e.name, p.exit_code, count(*), sum(e.bytes), count(distinct e.session_id), sum(s.reads)
               from events e join sessions s on e.session_id = s.session_id join processes p on e.process_id = p.process_id
               group by e.name, p.exit_code",
        theirs: "with sums as (select e.name, case when p.exit = 0 then p.exit_value end code, count(*) calls, sum(e.bytes) bytes, count(distinct e.session) sessions, sum(s.reads) reads
                 from events e join sessions s on e.session = s.id join processes p on e.process = p.id group by 1, 2)
                 select value, code, calls, bytes, sessions, reads from sums join strings on id = sums.name",
    },
    Question {
        name: "p99 by call",
        tolerance: 1,
        ours: "select name, count(*), floor(percentile_cont(0.99) within group (order by duration_ns)) from events where duration_ns is not null group by name",
        theirs: "with sums as (select name, count(*) calls, floor(quantile_cont(duration_us * 1000 + duration_sub_ns, 0.99)) p99 from events where duration_us is not null group by name)
                 select value, calls, p99 from sums join strings on id = name",
    },
];

/// A busy process and the second from which on it is looked at, with `DuckDB`.
pub(super) const BUSY: &str = "with middle as (select min(time_us) + (max(time_us) - min(time_us)) // 2 as us from events),
    few as (select pid, count(*) n from events, middle where time_us >= us and time_us < us + 2000000 group by pid order by n desc, pid limit 1)
    select pid, us // 1000000 from few, middle";
