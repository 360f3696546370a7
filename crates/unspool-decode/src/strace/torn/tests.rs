use crate::strace::tests::check;
use unspool_model::event::Reason;

#[test]
fn what_a_terminal_echoes_is_taken_out_of_calls() {
    check(
        "read(0, yes, please\n\
         \"yes, please\\n\", 1024) = 12\n\
         nanosleep({tv_sec=1, tv_nsec=0}, ^C0x7ffd10) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)\n\
         08:00:00.000002 read(0, 9\n\
         \"9\\n\", 1024) = 2 <0.000003>\n",
        "- 1 output yes, please\n\
         - 2 read(0|\"yes, please\\\\n\"|1024) = 12\n\
         - 3 nanosleep({tv_sec=1, tv_nsec=0}|^C0x7ffd10) = ERESTART_RESTARTBLOCK\n\
         - 4 output 9\n\
         - 28800000002000 read(0|\"9\\\\n\"|1024) = 2 3000ns\n",
        &[Reason::OutputInLine, Reason::OutputInLine],
    );
}

#[test]
fn what_a_child_prints_that_is_not_traced_is_taken_out_of_waits() {
    check(
        "wait4(-1, cc: no input, really\n\
         \n\
         cc: (nothing) done\n\
         [{WIFEXITED(s) && WEXITSTATUS(s) == 1}], 0, NULL) = 712\n\
         close(3) = 0\n",
        "- 1 output cc: no input, really\\n\\ncc: (nothing) done\n\
         - 2 wait4(-1|[{WIFEXITED(s) && WEXITSTATUS(s) == 1}]|0|NULL) = 712\n\
         - 3 close(3) = 0\n",
        &[Reason::OutputInLine],
    );
}

#[test]
fn an_end_that_makes_no_call_is_accounted_for() {
    check(
        "write(\n/)=0\n",
        "",
        &[Reason::OutputInLine, Reason::NotUnderstood],
    );
}

#[test]
fn a_complaint_of_the_tracer_is_taken_out_of_arguments() {
    check(
        "getcwd(umovestr: Input/output error\n\
         0x7ffd10, 4096) = -1 EFAULT (Bad address)\n\
         mmap(ptrace: umoven: Input/output error\n\
         ptrace: umoven: Input/output error\n\
         ) = 4096\n",
        "- 1 output umovestr: Input/output error\n\
         - 2 getcwd(0x7ffd10|4096) = EFAULT\n\
         - 3 mmap(ptrace: umoven: Input/output error\\nptrace: umoven: Input/output error\\n) = 4096\n",
        &[Reason::OutputInLine],
    );
}

#[test]
fn a_call_whose_end_never_comes_stays_what_it_was() {
    // The program prints something like a call: no call of the table waits there.
    check(
        "close(3) = 0\nfoo(bar\nbaz) = 1\nclose(4) = 0\n",
        "- 1 close(3) = 0\n- 2 output baz) = 1\n- 3 close(4) = 0\n",
        &[Reason::NotUnderstood, Reason::OutputLine],
    );
    // The next call begins before any end.
    check(
        "wait4(-1, one\ntwo\nclose(4) = 0\n",
        "- 1 output two\n- 2 close(4) = 0\n",
        &[Reason::NotUnderstood, Reason::OutputLine],
    );
    // The log ends before any end: the call was under way.
    check(
        "wait4(-1, one\ntwo\n",
        "- 2 output two\n- 1 wait4(-1|one) = unfinished\n",
        &[Reason::CutAtEnd, Reason::OutputLine, Reason::NeverResumed],
    );
}

#[test]
fn a_detachment_ends_calls() {
    check(
        "strace: Process 7 attached\n\
         write(1, \"a long text\"..., 108^Cstrace: Process 7 detached\n \
         <detached ...>\n",
        "7 1 Attached { threads: 1 }\n7 3 write(1|\"a long text\"...|108^C) = unfinished\n",
        &[Reason::NeverResumed],
    );
    check(
        "[pid     7] poll([{fd=4, events=POLLIN}], 1, 10^Cstrace: Process 8 detached\n\
         strace: Process 7 detached\n \
         <detached ...>\n",
        "7 3 poll([{fd=4, events=POLLIN}]|1|10^C) = unfinished\n",
        &[Reason::NeverResumed],
    );
}

#[test]
fn calls_of_threads_that_were_gone_are_halves() {
    check(
        "[pid     7] brk(0x1819 <ptrace(SYSCALL):No such process>\n\
         [pid     8] write(9, \"a <b>\", 5 <ptrace(SYSCALL):No such process>\n\
         [pid     8] <... write resumed> )       = ?\n\
         [pid     9] futex(0x1, FUTEX_WAIT, 2, NULL <unfinished ...>\n\
         [pid     9] <... futex resumed>  <ptrace(SYSCALL):No such process>\n\
         [pid     7] +++ killed by SIGKILL +++\n",
        "8 2 write(9|\"a <b>\"|5) = ?\n\
         9 4 futex(0x1|FUTEX_WAIT|2|NULL) = ?\n\
         7 1 brk(0x1819) = unfinished\n\
         7 6 Exit(Killed { signal: 9, core: false })\n",
        &[Reason::NeverResumed],
    );
}

#[test]
fn raw_counts_are_not_torn() {
    // `-e raw=all`: addresses and numbers only, no data that output could be mixed into.
    check(
        "write(0x1, 0x55d567226500, 0xa4) = 0xa4\npwrite64(0x3, 0x7ffc71df4920, 0x5, 0) = 0x5\n",
        "- 1 write(0x1|0x55d567226500|0xa4) = 164\n- 2 pwrite64(0x3|0x7ffc71df4920|0x5|0) = 5\n",
        &[],
    );
}
