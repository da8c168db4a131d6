// The kernels as nvcc makes them.
#include "kernels/cuda/table.cuh"

namespace limen::gpu {

const KernelTable& device_kernels() {
  static const KernelTable table = make_table();
  return table;
}

}  // namespace limen::gpu
