// Tests that are ranks themselves: `mpirun -np 2` runs this program, and every rank runs every test
// in the same order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "kernels/mpi/allreduce.hpp"
#include "kernels/mpi/barrier.hpp"
#include "kernels/mpi/blocks.hpp"
#include "kernels/mpi/pingpong.hpp"
#include "probes/mpi_builds.hpp"
#include "probes/mpi_clock.hpp"
#include "probes/mpi_decode.hpp"
#include "probes/mpi_window.hpp"
#include "probes/mpi_world.hpp"

namespace limen {
namespace {

using kernels::mpi::AllReduce;

int rank() {
  int r = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &r);
  return r;
}

void off_by_one_at_the_end(const float* in, float* out, int n, MPI_Comm comm) {
  kernels::mpi::library_sum(in, out, n, comm);
  int r = 0;
  MPI_Comm_rank(comm, &r);
  if (r == 1) out[n - 1] += 1;
}

void own_share_only(const float* in, float* out, int n, MPI_Comm) {
  for (int i = 0; i < n; ++i) out[i] = in[i];
}

TEST(MpiKernels, RightResultsPass) {
  for (std::size_t bytes : {std::size_t{8}, std::size_t{1} << 16, std::size_t{1} << 20}) {
    EXPECT_TRUE(AllReduce(MPI_COMM_WORLD, bytes).verify());
    EXPECT_TRUE(kernels::mpi::PingPong(MPI_COMM_WORLD, bytes).verify());
  }
  EXPECT_TRUE(kernels::mpi::Barrier(MPI_COMM_WORLD).verify());
}

TEST(MpiKernels, PlantedWrongResultsAreCaught) {
  EXPECT_FALSE(AllReduce(MPI_COMM_WORLD, 4096, own_share_only).verify());
  EXPECT_EQ(AllReduce(MPI_COMM_WORLD, 4096, off_by_one_at_the_end).verify(), rank() == 0);
}

using kernels::mpi::Blocks;

TEST(MpiKernels, BlocksArriveWhereTheyShould) {
  for (const auto* kind : {&kernels::mpi::all_gather, &kernels::mpi::reduce_scatter,
                           &kernels::mpi::all_to_all, &kernels::mpi::broadcast})
    for (std::size_t bytes : {std::size_t{8}, std::size_t{4096}, std::size_t{1} << 20})
      EXPECT_TRUE(Blocks(*kind, MPI_COMM_WORLD, bytes).verify()) << bytes;
  EXPECT_TRUE(kernels::mpi::Exchange(MPI_COMM_WORLD, 4096).verify());
}

// What is right of the one is wrong of the other, or of another root.
TEST(MpiKernels, PlantedWrongBlocksAreCaught) {
  const auto with = [](kernels::mpi::BlockKind kind, auto run) {
    kind.run = run;
    return kind;
  };
  const auto nothing = [](const float*, float*, int, MPI_Comm) {};
  const auto swapped = [](const float* in, float* out, int block, MPI_Comm comm) {
    MPI_Alltoall(in, block, MPI_FLOAT, out, block, MPI_FLOAT, comm);
    for (int i = 0; i < block; ++i) std::swap(out[i], out[block + i]);
  };
  const auto gathered_backwards = [](const float* in, float* out, int block, MPI_Comm comm) {
    MPI_Allgather(in, block, MPI_FLOAT, out, block, MPI_FLOAT, comm);
    std::reverse(out, out + 2 * block);
  };
  const auto from_the_last = [](const float*, float* out, int block, MPI_Comm comm) {
    MPI_Bcast(out, 2 * block, MPI_FLOAT, 1, comm);
  };
  const auto not_summed = [](const float* in, float* out, int block, MPI_Comm comm) {
    MPI_Scatter(in, block, MPI_FLOAT, out, block, MPI_FLOAT, 0, comm);
  };
  using namespace kernels::mpi;
  EXPECT_FALSE(Blocks(with(all_gather, nothing), MPI_COMM_WORLD, 4096).verify());
  EXPECT_FALSE(Blocks(with(all_gather, gathered_backwards), MPI_COMM_WORLD, 4096).verify());
  EXPECT_FALSE(Blocks(with(all_to_all, swapped), MPI_COMM_WORLD, 4096).verify());
  EXPECT_FALSE(Blocks(with(broadcast, from_the_last), MPI_COMM_WORLD, 4096).verify());
  EXPECT_FALSE(Blocks(with(reduce_scatter, not_summed), MPI_COMM_WORLD, 4096).verify());
}

TEST(MpiKernels, VectorsHaveAnElementForEachRank) {
  EXPECT_EQ(kernels::mpi::divisible(8, 3), 0u);
  EXPECT_EQ(kernels::mpi::divisible(16, 3), 12u);
  EXPECT_EQ(kernels::mpi::divisible(1 << 20, 4), std::size_t{1} << 20);
}

TEST(MpiKernels, ClaimsOfBlocks) {
  using namespace kernels::mpi;
  const auto is = [](const model::Work& w, double read, double written, double flops) {
    EXPECT_EQ(w.read.in(model::bytes), read);
    EXPECT_EQ(w.written.in(model::bytes), written);
    EXPECT_EQ(w.flops.in(model::flops), flops);
  };
  is(Blocks::claim(all_gather, 4096, 4), 1024, 4096, 0);
  is(Blocks::claim(reduce_scatter, 4096, 4), 4096, 1024, 768);
  is(Blocks::claim(all_to_all, 4096, 4), 4096, 4096, 0);
  is(Blocks::claim(broadcast, 4096, 4), 4096, 4096, 0);
}

TEST(MpiTimer, TheBarrierMethodHasItsSamplesToo) {
  probes::WindowTimer timer(MPI_COMM_WORLD, results::oversubscribed);
  AllReduce operation(MPI_COMM_WORLD, 1024);
  const results::Visit visit = timer.time_between_barriers(operation, {0.01, 5, 50, 1});
  if (rank() != 0) return;
  EXPECT_GE(visit.seconds.size(), 5u);
  EXPECT_EQ(visit.marks.size(), visit.seconds.size());
  for (double s : visit.seconds) EXPECT_GT(s, 0);
}

TEST(MpiKernels, Claims) {
  const model::Work w = AllReduce::claim(4096, 2);
  EXPECT_EQ(w.read.in(model::bytes), 4096);
  EXPECT_EQ(w.written.in(model::bytes), 4096);
  EXPECT_EQ(w.flops.in(model::flops), 512);  // 1024 additions by two ranks
}

TEST(MpiTimer, SamplesArePositiveAndGathered) {
  probes::WindowTimer timer(MPI_COMM_WORLD, results::oversubscribed);
  AllReduce operation(MPI_COMM_WORLD, 1024);
  ASSERT_TRUE(operation.verify());
  const probes::Batch batch = timer.time(operation, {0.01, 5, 50, 1});
  if (rank() != 0) return;
  EXPECT_GE(batch.visit.seconds.size(), 5u);
  EXPECT_EQ(batch.visit.marks.size(), batch.visit.seconds.size());
  EXPECT_EQ(batch.left_early, 0u);
  for (double s : batch.visit.seconds) EXPECT_GT(s, 0);
  for (std::uint32_t m : batch.visit.marks) EXPECT_TRUE(m & results::oversubscribed);
}

// An "all-reduce" that does not wait for the others: each rank would be timed alone, and very fast.
TEST(MpiTimer, AnOperationThatDoesNotSynchronizeIsSeen) {
  struct Nothing : kernels::mpi::Operation {
    void run() override {
      if (rank() == 1) {  // comes late by looking busy
        const auto until = probes::clock_now() + 20'000;
        while (probes::clock_now() < until) {
        }
      }
    }
    bool verify() override { return true; }
  } nothing;
  probes::WindowTimer timer(MPI_COMM_WORLD, 0);
  const probes::Batch batch =
      timer.time(nothing, {0.01, 5, 50, 0.001});  // windows far too short for rank 1
  if (rank() != 0) return;
  EXPECT_GT(batch.left_early, 0u);
}

TEST(MpiClockLive, AKnownOffsetIsRecovered) {
  const char* shifted = std::getenv("TEST_MPI_SHIFTED_SECONDS");  // of rank 1's clock
  const double expected = shifted != nullptr ? std::atof(shifted) * 1e9 : 0;
  const auto offsets =
      probes::synchronize(MPI_COMM_WORLD, probes::ranks_beside_root(MPI_COMM_WORLD));
  if (rank() != 0) return;
  ASSERT_EQ(offsets.size(), 2u);
  EXPECT_NEAR(offsets[1].offset, expected, offsets[1].error);
  if (expected == 0) {
    EXPECT_EQ(offsets[1].error, 0);  // one clock, and known to be
  }
  EXPECT_LT(offsets[1].error, 1e8);
}

TEST(MpiBuilds, RankZeroKnowsThemAll) {
  const auto builds = probes::gather_builds(
      {"limen " + std::to_string(rank()), std::string(300, 'x'), "host"}, MPI_COMM_WORLD);
  if (rank() != 0) return;
  ASSERT_EQ(builds.size(), 2u);
  EXPECT_EQ(builds[1].limen, "limen 1");
  EXPECT_EQ(builds[1].cpu, std::string(127, 'x'));
  EXPECT_NE(probes::different_limens(builds), "");
}

// Whole decode steps over two ranks, each checked against plain arithmetic before it is timed.
TEST(MpiDecode, StepsOfSlicesAreRightAndTimed) {
  int number = getpid();  // rank 0's, for both
  MPI_Bcast(&number, 1, MPI_INT, 0, MPI_COMM_WORLD);
  const auto folder =
      std::filesystem::temp_directory_path() / ("limen-ranks-test-" + std::to_string(number));
  probes::DecodeOrder order;
  order.shape = kernels::shapes_to_verify(kernels::Format::int8)[4];  // latent, and an indexer
  order.scales = {{3, 1}, {3, 5}};
  order.points = {{1, 65}, {3, 40}};
  if (rank() == 0) {
    std::filesystem::create_directories(folder);
    probes::write_decode_orders(folder, {order}, {0.01, 2, 1});
  }
  MPI_Barrier(MPI_COMM_WORLD);
  probes::decode_as_rank(folder, rank(), 2);
  if (rank() != 0) return;
  const auto times = probes::read_decode_times(folder);
  std::filesystem::remove_all(folder);
  ASSERT_EQ(times.size(), 1u);
  ASSERT_EQ(times[0].size(), 2u);
  for (const auto& of_point : times[0]) {
    ASSERT_EQ(of_point.size(), 2u);
    for (const auto& visit : of_point) {
      EXPECT_GT(visit.read_rate, 0);
      for (const auto& sample : visit.samples)
        EXPECT_GT(sample[static_cast<std::size_t>(kernels::Op::exchange)], 0);
      if (!visit.samples.empty()) {
        EXPECT_GE(visit.experts_read, 3);  // of the one layer that has some
      }
    }
  }
}

TEST(MpiWorld, Ranks) {
  const auto places = probes::rank_places(MPI_COMM_WORLD);
  ASSERT_EQ(places.size(), 2u);
  EXPECT_EQ(probes::count_nodes(places), 1);
  EXPECT_EQ(places[1].node, 0);
  const probes::SubsetRanks one({0});
  EXPECT_EQ(one.comm() == MPI_COMM_NULL, rank() != 0);
}

}  // namespace
}  // namespace limen

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  MPI_Init(&argc, &argv);
  if (limen::rank() != 0) {  // one report is enough, unless something fails
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
  }
  int failed = RUN_ALL_TESTS(), anywhere = 0;
  MPI_Allreduce(&failed, &anywhere, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  if (anywhere != 0 && failed != 0) std::fprintf(stderr, "rank %d: a test failed\n", limen::rank());
  MPI_Finalize();
  return anywhere;
}
