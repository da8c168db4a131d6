#include "probes/mpi_link.hpp"

#include <chrono>
#include <thread>

#include "model/error.hpp"
#include "probes/mpi_probes.hpp"
#include "probes/mpi_world.hpp"

namespace limen::probes {
namespace {

constexpr int text_tag = 1;

// MPI's own waiting spins, on a core that the threads of this rank could use.
template <class F>
void sleep_until(F&& done) {
  for (auto pause = std::chrono::microseconds(20); !done();
       pause = std::min<std::chrono::microseconds>(pause * 2, std::chrono::milliseconds(2)))
    std::this_thread::sleep_for(pause);
}

class MpiLink : public RankLink {
 public:
  int rank() const override { return world_.rank(); }
  int size() const override { return world_.size(); }

  std::uint64_t from_first(std::uint64_t value) override {
    MPI_Bcast(&value, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
    return value;
  }

  void send(const std::string& text) override {
    MPI_Request request;
    MPI_Isend(text.data(), static_cast<int>(text.size()), MPI_BYTE, 0, text_tag, MPI_COMM_WORLD,
              &request);
    sleep_until([&] {
      int done = 0;
      MPI_Test(&request, &done, MPI_STATUS_IGNORE);
      return done != 0;
    });
  }

  std::string receive(int from) override {
    MPI_Status status;
    sleep_until([&] {
      int there = 0;
      MPI_Iprobe(from, text_tag, MPI_COMM_WORLD, &there, &status);
      return there != 0;
    });
    int size = 0;
    MPI_Get_count(&status, MPI_BYTE, &size);
    std::string text(static_cast<std::size_t>(size), '\0');
    MPI_Recv(text.data(), size, MPI_BYTE, from, text_tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    return text;
  }

  void abort(const std::string& why, int code) override { world_.abort(why, code); }

 private:
  MpiWorld world_;
};

}  // namespace

std::unique_ptr<RankLink> join_ranks() {
  const auto launch = launched_by();
  if (!launch) return nullptr;
  if (const auto wrong = launch_defect(*launch)) throw Error(*wrong, Exit::unfit);
  auto link = std::make_unique<MpiLink>();
  if (const auto wrong = world_mismatch(*launch, link->size())) throw Error(*wrong, Exit::unfit);
  if (link->size() < 2) return nullptr;
  return link;
}

}  // namespace limen::probes
