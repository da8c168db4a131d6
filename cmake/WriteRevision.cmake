execute_process(COMMAND git -C "${SOURCE}" rev-parse HEAD OUTPUT_VARIABLE sha OUTPUT_STRIP_TRAILING_WHITESPACE
  ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(sha "unknown")
  set(dirty "false")
else()
  execute_process(COMMAND git -C "${SOURCE}" status --porcelain --untracked-files=no OUTPUT_VARIABLE changes ERROR_QUIET)
  if(changes)
    set(dirty "true")
  else()
    set(dirty "false")
  endif()
endif()
string(STRIP "${FLAGS}" FLAGS)
set(text "#pragma once
// What was built: written by cmake/WriteRevision.cmake at every build.
namespace limen::revision {
inline constexpr const char* version = \"${VERSION}\";
inline constexpr const char* git_sha = \"${sha}\";
inline constexpr bool git_dirty = ${dirty};
inline constexpr const char* compiler = \"${COMPILER}\";
inline constexpr const char* flags = \"${FLAGS}\";
inline constexpr const char* build_type = \"${TYPE}\";
}  // namespace limen::revision
")
if(EXISTS "${OUT}")
  file(READ "${OUT}" old)
endif()
if(NOT "${old}" STREQUAL "${text}")
  file(WRITE "${OUT}" "${text}")
endif()
