// Stands in for `limen` where tests need one.
//   DRIVER probe --mpi-rank --into DIR [OPTIONS] [NAMES]   a rank, as our launcher starts it
//   DRIVER run DIR SECONDS                                 the launcher: prints what it notes
// TEST_MPI_FAULT=kill or =stop makes rank 1 (or TEST_MPI_FAULT_RANK) do that to itself in the
// eighth visit; =stall makes its measuring thread sleep for three seconds in that visit, before the
// rank is stopped soon after.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "kernels/cuda/host_backend.hpp"
#include "model/error.hpp"
#include "probes/mpi_probes.hpp"
#include "probes/mpi_watch.hpp"

// A sanitizer's leak check asks this. MPI libraries keep memory until the end.
extern "C" int __lsan_is_turned_off() { return 1; }

namespace {

using namespace limen;

void plan_fault() {
  const char* fault = std::getenv("TEST_MPI_FAULT");
  const auto launch = probes::launched_by();
  const char* rank = std::getenv("TEST_MPI_FAULT_RANK");
  if (fault == nullptr || !launch || launch->rank != (rank != nullptr ? std::atoi(rank) : 1))
    return;
  const int signal = std::string(fault) == "kill" ? SIGKILL : SIGSTOP;
  const bool stall = std::string(fault) == "stall";
  ::signal(SIGUSR1, [](int) { sleep(3); });
  std::thread([signal, stall, measures = pthread_self()] {
    const auto wait_for_visit = [](std::uint64_t number) {
      while (probes::progress_of_rank.load() >> 32 < number)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    };
    wait_for_visit(8);
    if (stall) {
      pthread_kill(measures, SIGUSR1);
      wait_for_visit(9);
    }
    kill(getpid(), signal);
  }).detach();
}

// TEST_MPI_GPUS=N: so many devices of the host back end, whose memory ranks open to each other.
std::unique_ptr<gpu::Backend> made_up_gpus(std::string& why) {
  const char* count = std::getenv("TEST_MPI_GPUS");
  why = "TEST_MPI_GPUS is not set";
  if (count == nullptr) return nullptr;
  gpu::HostOptions options;
  options.devices = std::atoi(count);
  options.properties.multiprocessors = 2;
  options.memory = 64 << 20;
  options.shared = true;
  options.patience = 1u << 20;
  return std::make_unique<gpu::HostBackend>(options);
}

int be_rank(int argc, char** argv) {
  probes::MpiPlan plan;
  std::string into;
  for (int i = 2; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--quick") plan.quick = true;
    if (option == "--into" && i + 1 < argc) into = argv[++i];
    if (option == "--verify") plan.verify_only = true;
    if (option.rfind("mpi", 0) == 0 || option.rfind("device", 0) == 0) plan.names.push_back(option);
    if (option == "--rank-timeout" && i + 1 < argc) plan.patience = std::stod(argv[++i]);
    if (option == "--seed" && i + 1 < argc) plan.seed = std::stoull(argv[++i]);
  }
  plan.gpus = made_up_gpus;
  plan_fault();
  return probes::mpi_rank_main(plan, into);
}

int be_launcher(const char* directory, const char* seconds) {
  probes::MpiPlan plan;
  plan.names = {"mpi"};
  plan.seconds = std::stod(seconds);
  plan.quick = plan.seconds < 10;
  std::string note;
  const auto status = probes::run_mpi_probes(plan, directory, note);
  std::puts(note.c_str());
  return status == probes::MpiStatus::ran ? 0 : 10 + static_cast<int>(status);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc >= 4 && std::string(argv[1]) == "run") return be_launcher(argv[2], argv[3]);
    return be_rank(argc, argv);
  } catch (const Error& e) {
    std::fprintf(stderr, "limen: %s\n", e.what());
    return static_cast<int>(e.code());
  }
}
