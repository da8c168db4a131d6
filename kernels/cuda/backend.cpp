#include "kernels/cuda/backend.hpp"

#include <fmt/format.h>

namespace limen::gpu {

void check_launch(const Properties& p, const AnyKernel& kernel, const Needs& needs,
                  const Launch& how) {
  constexpr int refused = 9;  // invalid configuration
  const auto refuse = [&](const std::string& why) {
    throw DeviceError(fmt::format("{}: {}", kernel.name, why), refused);
  };
  if (how.grid.x == 0 || how.grid.y == 0) refuse("a grid without blocks");
  if (how.grid.x > p.grid_x || how.grid.y > p.grid_y)
    refuse(fmt::format("a grid of {} x {} blocks; the device takes {} x {}", how.grid.x, how.grid.y,
                       p.grid_x, p.grid_y));
  if (how.threads != kernel.threads || how.threads > p.threads_per_block)
    refuse(fmt::format("{} threads a block; it is made for {}, and the device takes {}",
                       how.threads, kernel.threads, p.threads_per_block));
  if (how.threads > needs.threads)
    refuse(fmt::format("{} threads a block; its registers leave room for {}", how.threads,
                       needs.threads));
  if (needs.shared > p.shared_per_block)
    refuse(fmt::format("{} bytes of shared memory a block; the device has {}", needs.shared,
                       p.shared_per_block));
  if (how.cooperative && !p.cooperative)
    refuse("the device cannot start a grid whose blocks all run at once");
}

}  // namespace limen::gpu
