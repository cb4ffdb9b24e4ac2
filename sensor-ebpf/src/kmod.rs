//! A kernel module was loaded.

use crate::emit::{Ring, Urgency, output};
use crate::errors::count;
use crate::idle::idle;
use crate::lineage::loader;
use crate::slot;
use crate::task::{Address, Task, has};
use anchorwatch_sensor_common::event::Header;
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use anchorwatch_sensor_common::module::{
    KIND_KERNEL_MODULE, KernelModuleRecord, MODULE_BY_KERNEL_THREAD, MODULE_NAME_LIMIT,
};
use anchorwatch_sensor_common::offsets::Field;
use aya_ebpf::{
    helpers::generated::{bpf_get_current_cgroup_id, bpf_ktime_get_boot_ns, bpf_probe_read_kernel_str},
    macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use core::mem::size_of;

/// No filter: modules are few, each one matters, and who may load them has the node anyway.
#[btf_tracepoint(function = "module_load")]
pub fn module_load(ctx: BtfTracePointContext) -> i32 {
    if idle() {
        return 0;
    }
    if has(Field::ModuleName) && has(Field::ModuleTaints) && has(Field::TaskFlags) && has(Field::TaskRealParent) {
        loaded(Address::new(ctx.arg(0)));
    } else {
        count(LossPlace::Kmod, LossReason::NoOffset);
    }
    0
}

#[inline(always)]
fn loaded(module: Address) {
    let task = Task::current();
    // SAFETY: helpers without arguments.
    let (cgroup_id, time_ns) = unsafe { (bpf_get_current_cgroup_id(), bpf_ktime_get_boot_ns()) };
    let flags = if task.is_the_kernels() {
        MODULE_BY_KERNEL_THREAD
    } else {
        0
    };
    let mut record = KernelModuleRecord {
        header: Header {
            kind: KIND_KERNEL_MODULE,
            size: size_of::<KernelModuleRecord>() as u32,
            time_ns,
        },
        loader: loader(task, cgroup_id, slot::of_current(cgroup_id).container),
        name: [0; MODULE_NAME_LIMIT],
        flags,
        taints: module.read(Field::ModuleTaints),
    };
    // SAFETY: the helper writes at most MODULE_NAME_LIMIT bytes, which are there and initialised.
    let read = unsafe {
        bpf_probe_read_kernel_str(
            record.name.as_mut_ptr().cast(),
            MODULE_NAME_LIMIT as u32,
            module.at(Field::ModuleName).pointer().cast(),
        )
    };
    if read <= 0 {
        count(LossPlace::Kmod, LossReason::ReadFault);
    }
    // SAFETY: the record is whole and of this constant length.
    let sent = unsafe {
        output(
            Ring::Events,
            (&raw const record).cast(),
            size_of::<KernelModuleRecord>() as u64,
            Urgency::Sensitive,
        )
    };
    if !sent {
        count(LossPlace::Kmod, LossReason::SensitiveRingFull);
    }
}
