// How many cores, and which socket, a set of CPUs is: ranks that spin on two threads of one core
// slow each other down.
#pragma once

#include <sched.h>

namespace limen::probes {

// Those that this process may run on.
cpu_set_t allowed_cpus();

// Distinct cores among them; a CPU whose siblings the kernel does not tell counts as one.
int count_cores(const cpu_set_t& cpus);

// The socket that all of them are on; -1 if they are on several, or the kernel does not tell.
int socket_of(const cpu_set_t& cpus);

}  // namespace limen::probes
