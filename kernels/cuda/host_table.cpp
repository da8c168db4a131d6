// The kernels as the host's compiler makes them. Tests compile this file again for each mutant of a
// kernel, under another name.
#include "kernels/cuda/table.cuh"

#ifndef LIMEN_HOST_TABLE
#define LIMEN_HOST_TABLE host_kernels
#endif

namespace limen::gpu {

const KernelTable& LIMEN_HOST_TABLE() {
  static const KernelTable table = make_table();
  return table;
}

}  // namespace limen::gpu
