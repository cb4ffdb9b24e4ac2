//! Lineage between executions: a fork inherits, the end of a process forgets.

use crate::follow::{account_of_current, carried, forget, remember};
use crate::idle::idle;
use crate::task::Task;
use anchorwatch_sensor_common::lineage::Process;
use anchorwatch_sensor_common::loss::LossPlace;
use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

#[btf_tracepoint(function = "sched_process_fork")]
pub fn sched_process_fork(ctx: BtfTracePointContext) -> i32 {
    if idle() {
        return 0;
    }
    inherit(Task::new(ctx.arg(0)), Task::new(ctx.arg(1)));
    0
}

/// The parent is whoever called fork, also with `CLONE_PARENT`, and is the current task.
#[inline(always)]
fn inherit(parent: Task, child: Task) {
    let tgid = child.tgid();
    if child.pid() != tgid {
        return; // a thread
    }
    if let Some(process) = carried(parent.tgid(), parent.start_ticks()) {
        remember(
            LossPlace::Fork,
            tgid,
            &Process {
                start_ticks: child.start_ticks(),
                account: account_of_current(),
                ..*process
            },
        );
    }
}

#[btf_tracepoint(function = "sched_process_exit")]
pub fn sched_process_exit(ctx: BtfTracePointContext) -> i32 {
    if idle() {
        return 0;
    }
    let task = Task::new(ctx.arg(0));
    if task.group_is_dead() {
        forget(task.tgid());
    }
    0
}
