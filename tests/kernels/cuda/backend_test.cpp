// The interface to devices: failures are thrown, what was made is released, limits are kept.
#include <gmock/gmock.h>

#include "tests/kernels/cuda/checks.hpp"

namespace limen::gpu {
namespace {

using testing::HasSubstr;

template <class F>
std::pair<std::string, int> thrown(F&& action) {
  try {
    action();
  } catch (const DeviceError& e) {
    return {e.what(), e.code()};
  }
  return {"nothing", 0};
}

// Whatever call fails, and when: an error comes out, and nothing is left behind.
TEST(Backend, EveryFailureOfEveryCallIsThrownAndLeaksNothing) {
  int failures = 0;
  for (const char* call : {"devices", "properties", "allocate", "create_stream", "synchronize",
                           "copy", "fill", "launch", "resident_blocks", "begin_capture",
                           "end_capture", "launch_graph", "create_event", "can_reach", "reach"}) {
    for (int n = 1; n <= 4; ++n) {
      auto options = small_devices(fiber::Order::forward);
      options.failures[{call, n}] = 999;
      HostBackend backend(options);
      const auto [what, code] = thrown([&] {
        EXPECT_EQ(checks().at("launch")(backend), "");
        const Device d(backend, 0);
        Stopwatch watch(d);
        full_grid(d, d.kernels().read);
        EXPECT_EQ(check_all_reduce(backend, AllReduce::one_shot), "");
      });
      if (code != 0) {
        ++failures;
        EXPECT_EQ(code, 999) << call << n;
        EXPECT_THAT(what, HasSubstr(call));
      }
      EXPECT_EQ(backend.alive(), 0) << call << " " << n;
    }
  }
  EXPECT_GT(failures, 25);
}

TEST(Backend, SaysWhatKindOfFailureItWas) {
  for (const int code : {34, 35, 100}) EXPECT_TRUE(DeviceError("x", code).no_device());
  EXPECT_FALSE(DeviceError("x", 2).no_device());
  EXPECT_TRUE(DeviceError("x", 2).out_of_memory());
}

TEST(Backend, RefusesMoreMemoryThanThereIs) {
  auto options = small_devices(fiber::Order::forward);
  options.memory = 1 << 20;
  HostBackend backend(options);
  const Device d(backend, 0);
  const Memory<char> most(d, 1 << 19);
  const auto [what, code] = thrown([&] { Memory<char>(d, 1 << 20); });
  EXPECT_EQ(code, 2);
  EXPECT_THAT(what, HasSubstr("out of memory"));
  EXPECT_EQ(backend.free_memory(0), std::size_t{1} << 19);
  EXPECT_EQ(backend.free_memory(1), std::size_t{1} << 20);
}

TEST(Backend, LaunchesWithinLimitsOnly) {
  auto options = small_devices(fiber::Order::forward);
  options.properties.grid_x = 10;
  options.properties.cooperative = false;
  HostBackend backend(options);
  const Device d(backend, 0);
  const auto count = upload(d, std::vector<U32>{0});
  const auto& kernel = d.kernels().nothing;
  const auto refused = [&](const Launch& how) {
    return thrown([&] { d.launch(kernel, how, count.data()); }).first;
  };
  EXPECT_THAT(refused({{11}, 32}), HasSubstr("11 x 1 blocks"));
  EXPECT_THAT(refused({{0}, 32}), HasSubstr("without blocks"));
  EXPECT_THAT(refused({{1}, 64}), HasSubstr("64 threads"));
  EXPECT_THAT(refused({{1}, 32, true}), HasSubstr("at once"));
  EXPECT_THAT(refused({{1, 65536}, 32}),
              HasSubstr("1 x 65536 blocks; the device takes 10 x 65535"));
  EXPECT_EQ(refused({{10}, 32}), "nothing");
}

TEST(Backend, LaunchesKernelsThatFitTheDeviceOnly) {
  const auto refused = [](const Needs& needs, const Properties& properties) {
    auto options = small_devices(fiber::Order::forward);
    options.needs = needs;
    options.properties = properties;
    HostBackend backend(options);
    const Device d(backend, 0);
    const auto count = upload(d, std::vector<U32>{0});
    return thrown([&] { d.launch(d.kernels().nothing, {{1}, 32}, count.data()); });
  };
  const Properties usual;
  EXPECT_EQ(refused({49152, 1024}, usual).second, 0);
  EXPECT_THAT(refused({49153, 1024}, usual).first,
              HasSubstr("nothing: 49153 bytes of shared memory a block; the device has 49152"));
  EXPECT_THAT(refused({0, 31}, usual).first,
              HasSubstr("nothing: 32 threads a block; its registers leave room for 31"));
  Properties few;
  few.threads_per_block = 16;
  EXPECT_THAT(refused({}, few).first, HasSubstr("and the device takes 16"));
  EXPECT_EQ(refused({}, few).second, 9);
}

TEST(Backend, OperationsRefuseWhatTheyCannotDo) {
  HostBackend backend(small_devices(fiber::Order::forward));
  const Device d(backend, 0);
  EXPECT_EQ(thrown([&] { gemv(d, {Format::bf16, 0, 8}, {}, {}, {}, {}, false); }).second, 1);
  EXPECT_EQ(thrown([&] { attention(d, {Format::bf16, 1, 1, 0, 8}, {}, 1, 1); }).second, 1);
  EXPECT_EQ(thrown([&] { attention(d, {Format::bf16, 1, 1, 4, 8, 96}, {}, 1, 1); }).second, 1);
  EXPECT_EQ(thrown([&] { gemm(d, {Format::bf16, 4, 12}, {.tokens = 1}, 1); }).second, 1);
  EXPECT_EQ(thrown([&] { gemm(d, {Format::bf16, 4, 8}, {}, 1); }).second, 1);
  EXPECT_EQ(thrown([&] { gemm(d, {Format::fp8, 4, 8}, {.tokens = 1}, 1); }).second, 1);
  EXPECT_EQ(thrown([&] { attention(d, {Format::int8, 1, 1, 1, 8}, {}, 1, 1); }).second, 1);
  EXPECT_EQ(thrown([&] { attention(d, {Format::bf16, 1, 1, 1, 0}, {}, 1, 1); }).second, 1);
  EXPECT_EQ(thrown([&] { rms_norm(d, {}, {}, {}, 1, 12, 1); }).second, 1);
  EXPECT_EQ(thrown([&] { swiglu(d, {}, {}, {}, 4); }).second, 1);
  EXPECT_EQ(thrown([&] { Peers({&d}, 8); }).second, 1);
}

TEST(Backend, EventsAndGraphsRunInStreamOrder) {
  HostBackend backend(small_devices(fiber::Order::forward));
  const Device d(backend, 0);
  Stopwatch watch(d);
  watch.start();
  EXPECT_EQ(verify_launch(d), "");
  EXPECT_GT(watch.stop(), 0);
}

TEST(Backend, ARefusedPeerIsAnError) {
  auto options = small_devices(fiber::Order::forward);
  options.peers = false;
  HostBackend backend(options);
  const auto [what, code] = thrown([&] { check_all_reduce(backend, AllReduce::one_shot); });
  EXPECT_EQ(code, 217);
  EXPECT_THAT(what, HasSubstr("device 0 cannot reach the memory of device 1"));
}

TEST(Backend, ThreadsThatWaitForeverAreAnErrorAndNoHang) {
  fiber::Grid grid(
      [] {
        if (fiber::here().thread < 8) fiber::barrier();
        if (fiber::here().thread >= 8) fiber::exchange(1, 1);
      },
      {1, 1, 9}, 1, fiber::Order::forward);
  EXPECT_THROW(while (grid.step()){}, std::runtime_error);
}

}  // namespace
}  // namespace limen::gpu
