// How many cores a set of CPUs is: ranks that spin on two threads of one core slow each other down.
#pragma once

#include <sched.h>

namespace limen::probes {

// Those that this process may run on.
cpu_set_t allowed_cpus();

// Distinct cores among them; a CPU whose siblings the kernel does not tell counts as one.
int count_cores(const cpu_set_t& cpus);

}  // namespace limen::probes
