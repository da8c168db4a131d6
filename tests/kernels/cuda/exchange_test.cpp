// Waits are bounded: a peer that never comes is an error that says who.
#include <gmock/gmock.h>

#include "tests/kernels/cuda/checks.hpp"

namespace limen::gpu {
namespace {

using testing::HasSubstr;

class LostPeer : public testing::TestWithParam<AllReduce> {};

TEST_P(LostPeer, IsNamedByWhoWaitedAndEndsEveryLaterCall) {
  HostBackend backend(small_devices(fiber::Order::forward, 3));
  std::vector<Device> devices;
  for (int i = 0; i < 3; ++i) devices.emplace_back(backend, i);
  Peers peers({&devices[0], &devices[1], &devices[2]}, 64);
  std::vector<Memory<U32>> data;
  for (const auto& d : devices) data.push_back(upload(d, std::vector<U32>(16, 0x3f803f80u)));
  peers.set_up(GetParam(), 64);
  for (int call = 0; call < 2; ++call)
    for (const std::size_t rank : {0u, 1u})  // rank 2 never comes
      peers.send(rank, data[rank].data(), data[rank].data(), 1, 50);
  EXPECT_THAT(peers.trouble(), HasSubstr("rank 0 on device 0 waited in vain for rank 2"));
}

INSTANTIATE_TEST_SUITE_P(Both, LostPeer, testing::Values(AllReduce::one_shot, AllReduce::two_shot),
                         [](const auto& test) {
                           return test.param == AllReduce::one_shot ? "one_shot" : "two_shot";
                         });

TEST(Pingpong, ALostPlayerIsReported) {
  HostBackend backend(small_devices(fiber::Order::forward));
  const Device d(backend, 0);
  const auto flags = upload(d, std::vector<U32>(64, 0));
  const auto status = upload(d, std::vector<Status>{0});
  const auto& kernel = d.kernels().pingpong;
  d.launch(kernel, {{1}, kernel.threads}, 0u, flags.data(), flags.data() + 32, 1u, 5u, 20u,
           status.data());
  EXPECT_EQ(download(d, status.data(), 1)[0], 2u);
}

TEST(GridBarrier, ABlockThatDoesNotComeIsReported) {
  HostBackend backend(small_devices(fiber::Order::forward));
  const Device d(backend, 0);
  const auto arrived = upload(d, std::vector<U32>{~0u - 1});  // the count is out of step
  const auto seen = upload(d, std::vector<U32>(barrier_threads * 2, 0));
  const auto status = upload(d, std::vector<Status>{0});
  grid_barrier(d, 2, 3, arrived.data(), seen.data(), 20, status.data());
  EXPECT_NE(download(d, status.data(), 1)[0], 0u);
}

TEST(AllReduceInput, RefusesWhatIsNoMessage) {
  HostBackend backend(small_devices(fiber::Order::forward));
  const Device a(backend, 0), b(backend, 1);
  Peers peers({&a, &b}, 64);
  for (const std::size_t bytes : {0u, 4u, 12u, 72u})
    EXPECT_THROW(peers.set_up(AllReduce::one_shot, bytes), DeviceError) << bytes;
  EXPECT_THROW(peers.send(0, nullptr, nullptr, 1, 1), DeviceError);
}

}  // namespace
}  // namespace limen::gpu
