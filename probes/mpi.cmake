# The MPI half of limen_probes, or what stands in for it.
target_sources(limen_probes PRIVATE mpi_launched_by.cpp)
if(LIMEN_HAVE_MPI)
  target_sources(limen_probes PRIVATE mpi_builds.cpp mpi_cases.cpp mpi_clock.cpp mpi_cores.cpp mpi_cuda_aware.cpp mpi_decode.cpp mpi_device_operations.cpp mpi_devices.cpp mpi_facts.cpp mpi_job.cpp mpi_launch.cpp
    mpi_link.cpp mpi_meeting.cpp mpi_order.cpp mpi_osu.cpp mpi_rank.cpp mpi_series.cpp mpi_session.cpp mpi_subsets.cpp mpi_watch.cpp mpi_window.cpp mpi_world.cpp)
  target_link_libraries(limen_probes PUBLIC MPI::MPI_C PRIVATE nlohmann_json::nlohmann_json fmt::fmt)
else()
  target_sources(limen_probes PRIVATE mpi_absent.cpp)
endif()
