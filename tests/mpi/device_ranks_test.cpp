// Collectives between the memories of ranks' devices: `mpirun -np 2` runs this program, and every
// rank runs every test in the same order. Devices are those of the host back end, whose memory
// other processes open, so that our own all-reduces go from process to process with the very
// kernels of GPUs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mpi.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "kernels/cuda/decoder.hpp"
#include "kernels/cuda/host_backend.hpp"
#include "probes/mpi_decode.hpp"
#include "probes/mpi_devices.hpp"
#include "probes/mpi_world.hpp"

namespace limen::probes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

int rank() {
  int r = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &r);
  return r;
}

gpu::HostOptions options(int devices = 2) {
  gpu::HostOptions o;
  o.devices = devices;
  o.properties.multiprocessors = 2;
  o.memory = 64 << 20;
  o.shared = true;
  o.patience = 1u << 20;  // the peer may not have its CPU
  return o;
}
OpenBackend host(const gpu::HostOptions& o = options()) {
  return [o](std::string&) { return std::make_unique<gpu::HostBackend>(o); };
}
// Devices that fail at one rank.
OpenBackend failing_at(int which, const char* call, int nth, int code) {
  gpu::HostOptions o = options();
  if (rank() == which) o.failures[{call, nth}] = code;
  return host(o);
}

RankSubset both() { return {{0, 1}, 1, 1}; }
MpiCase own_case(RankDevices& devices, const char* by, std::int64_t bytes) {
  return {"device.allreduce", both(), bytes, by, "graph", &devices};
}

TEST(RankDevices, EveryRankOfAHostHasItsOwn) {
  RankDevices devices(host());
  EXPECT_EQ(devices.why_not(), "");
  EXPECT_THAT(devices.ranks(), ElementsAre(0, 1));
  EXPECT_THAT(devices.descriptions()[0], HasSubstr("0000:10:00.0"));
  EXPECT_THAT(devices.descriptions()[1], HasSubstr("0000:11:00.0"));
  EXPECT_TRUE(devices.marks() & results::emulated);
}

TEST(RankDevices, OneForTwoRanksIsNoGroup) {
  RankDevices devices(host(options(1)));
  EXPECT_EQ(devices.why_not(), "one GPU for all ranks of the job");
  EXPECT_THAT(devices.subsets({{0, 0}, {0, 0}}), IsEmpty());
}

TEST(RankDevices, WithoutAnyThereIsAReasonAtEveryRank) {
  RankDevices none([](std::string& why) {
    why = "no driver";
    return nullptr;
  });
  EXPECT_EQ(none.why_not(), "no GPU: rank 0: no driver");
  RankDevices broken(failing_at(0, "properties", 1, 719));
  EXPECT_THAT(broken.why_not(), HasSubstr("rank 0: properties: failed by script"));
}

TEST(RankDevices, CasesSayWhatMovesTheData) {
  RankDevices devices(host());
  const auto cases = devices.cases(devices.subsets({{0, 0}, {0, 0}}), true, {"device"});
  std::map<std::string, int> by;
  for (const MpiCase& c : cases) {
    EXPECT_EQ(std::get<std::string>(c.parameters().at("memory")), "device");
    EXPECT_FALSE(c.has_barrier_method());
    ++by[c.by];
  }
  EXPECT_THAT(by, SizeIs(4));
  EXPECT_EQ(by["MPI"], 7 * 3);
  EXPECT_EQ(by["NCCL"], 4 * 2 * 3);
  EXPECT_EQ(by["one-shot"], 3);
  EXPECT_THAT(devices.cases({both()}, true, {"mpi"}), IsEmpty());
}

TEST(DeviceOperations, MpiInMemoryOfDevices) {
  RankDevices devices(host());
  for (const MpiCase& c : devices.cases({both()}, true, {"device"}))
    if (c.by == "MPI") {
      EXPECT_TRUE(c.operation(MPI_COMM_WORLD)->verify()) << c.probe;
    }
}

TEST(DeviceOperations, OwnAllReducesBetweenProcesses) {
  RankDevices devices(host());
  for (const char* by : {"one-shot", "two-shot"}) {
    for (const std::int64_t bytes : {1040, 4096, 16}) {  // of several blocks, and smaller again
      const auto operation = own_case(devices, by, bytes).operation(MPI_COMM_WORLD);
      EXPECT_TRUE(operation->verify()) << by << " " << bytes;
      EXPECT_EQ(operation->trips(), 32);
      operation->run();
      EXPECT_TRUE(operation->verify() && operation->intact()) << by << " " << bytes;
    }
  }
  devices.finish();
}

TEST(DeviceOperations, ARankThatDoesNotComeIsNoticed) {
  gpu::HostOptions impatient = options();
  impatient.patience = 50;
  RankDevices devices(host(impatient));
  // The first call, outside of the graph, may already be too late for such patience.
  const auto operation = own_case(devices, "one-shot", 1024).operation(MPI_COMM_WORLD);
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank() == 0) {
    operation->run();
    EXPECT_FALSE(operation->intact());
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

std::string why_not(RankDevices& devices, const MpiCase& c) {
  try {
    c.operation(MPI_COMM_WORLD);
  } catch (const CannotRun& e) {
    return e.what();
  }
  devices.finish();
  return "";
}

TEST(DeviceOperations, WhatOneRankCannotNoRankDoes) {
  for (const auto& [call, nth] : {std::pair{"open_shared", 1}, {"share", 1}, {"allocate", 2}}) {
    RankDevices devices(failing_at(1, call, nth, 2));  // the first allocation is the trial's
    EXPECT_THAT(why_not(devices, own_case(devices, "one-shot", 1024)),
                HasSubstr(std::string("rank 1: ") + call));
  }
  RankDevices devices(host());
  EXPECT_THAT(why_not(devices, {"device.allreduce", both(), 1024, "NCCL", "graph", &devices}),
              HasSubstr("rank 0: no NCCL on this back end"));
}

// A step whose ranks are processes is the step whose ranks are devices of one.
TEST(DecodeOverProcesses, IsRightByOurOwnExchange) {
  gpu::HostBackend backend(options());
  const gpu::Device device(backend, rank());
  MpiMeeting meeting(MPI_COMM_WORLD);
  const gpu::DeviceRanks ranks(device, static_cast<std::size_t>(rank()), 2, meeting);
  EXPECT_EQ(gpu::verify_decode(ranks, kernels::Format::int8), "");
  EXPECT_THROW(gpu::verify_decode(ranks, kernels::Format::int8, gpu::ExchangeBy::nccl),
               gpu::DeviceError);
}

// Timed as the launcher asks for it, through files: the same operators as on devices of one
// process.
TEST(DecodeOverProcesses, IsTimedByOperator) {
  char name[] = "/tmp/limen-device-ranks-XXXXXX";
  if (rank() == 0) {
    ASSERT_NE(mkdtemp(name), nullptr);
  }
  MPI_Bcast(name, sizeof name, MPI_CHAR, 0, MPI_COMM_WORLD);
  DecodeOrder order;
  order.shape.weights = kernels::Format::bf16;
  order.shape.hidden = 64;
  order.shape.vocabulary = 40;
  order.shape.layers.assign(1, {2, 2, 64, 0, 48});
  order.scales.assign(1, {});
  order.points = {{1, 9}};
  if (rank() == 0)
    write_decode_orders(name, {order}, {.visits = 1, .exchange = "own", .gpus = {0, 1}});
  MPI_Barrier(MPI_COMM_WORLD);
  decode_as_rank(name, rank(), 2, host());
  if (rank() != 0) return;
  const auto times = read_decode_times(name);
  std::filesystem::remove_all(name);
  ASSERT_THAT(times, SizeIs(1));
  ASSERT_THAT(times[0], SizeIs(1));
  const DecodeVisit& visit = times[0][0].at(0);
  EXPECT_TRUE(visit.emulated);
  EXPECT_EQ(visit.memories, 2u);
  ASSERT_THAT(visit.samples, SizeIs(1));
  EXPECT_GT(visit.samples[0][static_cast<std::size_t>(kernels::Op::exchange)], 0);
}

}  // namespace
}  // namespace limen::probes

int main(int argc, char** argv) {
  const limen::probes::MpiWorld world;
  testing::InitGoogleTest(&argc, argv);
  if (world.size() != 2) return 1;
  if (world.rank() != 0) {
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
  }
  return RUN_ALL_TESTS();
}
