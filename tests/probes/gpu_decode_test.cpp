// Decode steps on GPUs, as they are timed: every operator, what is left out and why, and that a
// step of wrong kernels is not timed at all.
#include <csignal>

#include <gmock/gmock.h>

#include "kernels/cuda/host_backend.hpp"
#include "kernels/cuda/table.hpp"
#include "model/error.hpp"
#include "probes/gpu_decode.hpp"
#include "probes/interrupt.hpp"

namespace limen::probes {
namespace {

using kernels::Op;
using testing::HasSubstr;
using testing::SizeIs;

std::unique_ptr<GpuBench> bench(gpu::HostOptions options, const gpu::KernelTable* kernels = {}) {
  options.devices = 2;
  options.properties.multiprocessors = 2;
  options.memory = 32 << 20;
  std::string why;
  return GpuBench::open({true, 1, 0.2}, why, std::make_unique<gpu::HostBackend>(options, kernels));
}

DecodeOrder small_order() {
  DecodeOrder order;
  order.shape.weights = kernels::Format::int8;
  order.shape.hidden = 64;
  order.shape.vocabulary = 40;
  order.shape.layers.assign(2, {2, 2, 64, 0, 48, 4, 2, 32});
  order.scales = {{3, 3}, {5, 3}};
  order.points = {{1, 50}, {2, 9}};
  return order;
}

double of(const kernels::OpSeconds& s, Op op) { return s[static_cast<std::size_t>(op)]; }

TEST(GpuDecode, TimesEveryOperatorAndTheWhole) {
  const auto here = bench({});
  std::string note;
  const auto times = decode_on_gpus(*here, {small_order()}, {.visits = 1}, 2, note);
  EXPECT_EQ(note, "");
  ASSERT_THAT(times, SizeIs(1));
  ASSERT_THAT(times[0], SizeIs(2));
  for (const auto& point : times[0]) {
    ASSERT_THAT(point, SizeIs(1));
    const DecodeVisit& visit = point[0];
    EXPECT_TRUE(visit.emulated);
    EXPECT_EQ(visit.memories, 2u);
    EXPECT_GT(visit.read_rate, 0);
    ASSERT_THAT(visit.samples, SizeIs(1));
    for (Op op : {Op::qkv, Op::attention, Op::output, Op::gate_up, Op::down, Op::router,
                  Op::experts, Op::head, Op::exchange})
      EXPECT_GT(of(visit.samples[0], op), 0) << kernels::op_names[static_cast<std::size_t>(op)];
    EXPECT_GT(seconds_of(visit.samples[0]), 0);
    EXPECT_GE(visit.experts_read, 2);
    EXPECT_LE(visit.experts_read, 4);
  }
}

TEST(GpuDecode, LeavesOutWhatTheDevicesCannotDo) {
  std::string note;
  EXPECT_THAT(decode_on_gpus(*bench({}), {small_order()}, {}, 3, note), SizeIs(0));
  EXPECT_THAT(note, HasSubstr("2 GPUs can be used here"));
  gpu::HostOptions apart;
  apart.peers = false;
  EXPECT_THAT(decode_on_gpus(*bench(apart), {small_order()}, {}, 2, note), SizeIs(0));
  EXPECT_THAT(note, HasSubstr("cannot reach the memory"));
}

Exit code_of(GpuBench& here, std::string& what) {
  try {
    std::string note;
    decode_on_gpus(here, {small_order()}, {.visits = 1}, 1, note);
  } catch (const Error& e) {
    what = e.what();
    return e.code();
  }
  return Exit::ok;
}

TEST(GpuDecode, AWrongStepIsNotTimed) {
  auto broken = gpu::host_kernels();
  broken.add_norm.function = broken.add_norm_bf16.function;
  std::string what;
  EXPECT_EQ(code_of(*bench({}, &broken), what), Exit::failed);
  EXPECT_THAT(what, HasSubstr("a wrong decode step is not timed: decode with int8 weights"));
}

TEST(GpuDecode, ADeviceThatFailsIsAnErrorOfOneLine) {
  gpu::HostOptions failing;
  failing.failures[{"launch_graph", 1}] = 719;
  std::string what;
  EXPECT_EQ(code_of(*bench(failing), what), Exit::failed);
  EXPECT_THAT(what, HasSubstr("719"));
  EXPECT_EQ(what.find('\n'), std::string::npos);
}

const void* whole_read;
TEST(GpuDecode, ThatIsInterruptedIsNoMeasurement) {
  auto kernels = gpu::host_kernels();
  whole_read = kernels.read.function;
  kernels.read.function = reinterpret_cast<const void*>(+[](void** arguments) {
    if (!Interrupt::asked()) std::raise(SIGTERM);
    reinterpret_cast<void (*)(void**)>(const_cast<void*>(whole_read))(arguments);
  });
  std::string what;
  EXPECT_EQ(code_of(*bench({}, &kernels), what), Exit::failed);
  EXPECT_EQ(what, "interrupted");
}

}  // namespace
}  // namespace limen::probes
