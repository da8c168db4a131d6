// A grid of kernel threads as fibers of one CPU thread: what the seam's host body stands on. Tests
// run the very same kernel sources on it, in several orders of threads.
//
// A fiber runs until it waits (barrier, shuffle, vote, relax) or ends; then the next one does. Not
// a model of memory order: everything that was written is seen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace limen::gpu::fiber {

// `scattered`: threads are held back at random (the same at every run), for any time.
enum class Order { forward, reversed, scattered };

struct Dimensions {
  unsigned grid_x = 1, grid_y = 1, threads = 1;
};

// Where the running fiber is in its grid.
struct Here {
  unsigned thread = 0, block_x = 0, block_y = 0, threads = 1, grid_x = 1;
};
const Here& here();

// For the seam, from inside a fiber.
void barrier();
bool barrier_or(bool mine);
std::uint64_t exchange(std::uint64_t value, unsigned lane_mask);  // among the lanes of a warp
bool vote_any(bool mine);
// What every lane of the warp gave, until the lanes meet for the second time after it.
using Fragment = std::array<std::uint32_t, 6>;
const Fragment* share(const Fragment& mine);
// A copy, or zeros, that is there once its thread has waited until at most `open` of the sendings
// after it are not done; poison until then.
void copy_later(void* to, const void* from, std::size_t bytes);
void copies_sent();
void copies_wait(std::size_t open);
void relax();
void* shared(const void* key, std::size_t bytes);

// A kernel on its way. step() lets every thread of the resident blocks run once; grids that are
// stepped in turn run side by side, as kernels on several devices do.
class Grid {
 public:
  Grid(std::function<void()> kernel, Dimensions dimensions, unsigned resident_blocks, Order order);
  ~Grid();
  Grid(const Grid&) = delete;
  Grid& operator=(const Grid&) = delete;

  // False once all threads have ended. std::runtime_error when threads wait for one another
  // forever.
  bool step();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace limen::gpu::fiber
