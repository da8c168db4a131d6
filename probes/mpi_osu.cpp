#include "probes/mpi_osu.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/mpi/allreduce.hpp"
#include "probes/mpi_cases.hpp"
#include "probes/mpi_facts.hpp"
#include "probes/mpi_window.hpp"
#include "results/statistics.hpp"

namespace limen::probes {
namespace {

// What osu_allreduce does: each iteration timed at each rank by itself, a barrier after it, the
// mean over iterations, and of that the average over ranks (at rank 0). Fewer iterations, because
// it is done many times.
double osu_average(const std::int64_t bytes) {
  const bool large = bytes > 8192;
  const int iterations = large ? 25 : 250, skip = large ? 3 : 25;
  const auto elements = static_cast<std::size_t>(bytes) / sizeof(float);
  kernels::mpi::Buffer<float> in(elements), out(elements);
  std::fill_n(in.data(), elements, 1.0f);
  std::fill_n(out.data(), elements, 0.0f);
  double timer = 0;
  MPI_Barrier(MPI_COMM_WORLD);
  for (int i = 0; i < iterations + skip; ++i) {
    const double start = MPI_Wtime();
    MPI_Allreduce(in.data(), out.data(), static_cast<int>(elements), MPI_FLOAT, MPI_SUM,
                  MPI_COMM_WORLD);
    const double stop = MPI_Wtime();
    if (i >= skip) timer += stop - start;
    MPI_Barrier(MPI_COMM_WORLD);
  }
  const double mean = timer / iterations;
  double sum = 0;
  int ranks = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  MPI_Reduce(&mean, &sum, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
  return sum / ranks;
}

struct Pair {
  results::Samples ours;
  std::vector<double> osu;
};

}  // namespace

Exit compare_with_osu(const MpiPlan& plan, const std::filesystem::path& directory,
                      const MpiWorld& world) {
  const std::vector<std::int64_t> sizes = message_sizes();
  std::vector<Pair> pairs(sizes.size());
  std::vector<std::size_t> turns(2 * sizes.size());  // size and method: even is ours, odd is OSU's
  std::iota(turns.begin(), turns.end(), 0);
  std::mt19937_64 random(plan.seed);  // the same at every rank
  WindowTimer timer(MPI_COMM_WORLD, 0);
  const int rounds = plan.quick ? 4 : 20;
  for (int round = 0; round < rounds; ++round) {
    std::shuffle(turns.begin(), turns.end(), random);
    for (std::size_t turn : turns) {
      const std::size_t i = turn / 2;
      if (turn % 2 == 1) {
        pairs[i].osu.push_back(osu_average(sizes[i]));
        continue;
      }
      kernels::mpi::AllReduce operation(MPI_COMM_WORLD, static_cast<std::size_t>(sizes[i]));
      if (!operation.verify()) throw Error("the library's all-reduce is wrong", Exit::failed);
      pairs[i].ours.visits.push_back(timer.time(operation, {0.03, 10, 250, 1}).visit);
    }
  }
  if (world.rank() != 0) return Exit::ok;
  nlohmann::json rows = nlohmann::json::array();
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const results::Summary s = results::summarize(pairs[i].ours);
    const double osu = std::accumulate(pairs[i].osu.begin(), pairs[i].osu.end(), 0.0) / rounds;
    rows.push_back({{"bytes", sizes[i]}, {"median", s.median}, {"p10", s.p10}, {"osu_mean", osu}});
  }
  write_json(directory / "mpi-osu.json", rows);
  return Exit::ok;
}

}  // namespace limen::probes
