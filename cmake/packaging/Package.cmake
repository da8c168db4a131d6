# `cpack -G DEB` and `cpack -G TGZ` in the build folder.
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_PACKAGE_NAME limen)
set(CPACK_PACKAGE_VENDOR "limen")
set(CPACK_PACKAGE_CONTACT "limen maintainers <maintainers@limen.invalid>" CACHE STRING "Who answers for packages")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "measures the limits of a machine and predicts LLM decoding")
set(CPACK_PACKAGE_DESCRIPTION
  "Probes measure memory bandwidth, arithmetic and the exchange between ranks,
on CPUs and GPUs; a fit turns them into the parameters of an analytic model;
the model says which limit binds when a large language model is decoded, how
far the next one is, and what other hardware would change.")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)  # dependencies as the linker sees them
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS openmpi-bin)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libfmt-dev, nlohmann-json3-dev, libtomlplusplus-dev")  # to build with the library
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
  WORLD_READ WORLD_EXECUTE)

# What Debian wants of every package.
set(_changelog "${CMAKE_BINARY_DIR}/packaging/changelog")
string(TIMESTAMP _now "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE "${_changelog}" "limen (${PROJECT_VERSION}) unstable; urgency=low

  * As built.

 -- ${CPACK_PACKAGE_CONTACT}  ${_now}
")
if(LIMEN_GZIP)
  execute_process(COMMAND "${LIMEN_GZIP}" -9nc "${_changelog}" OUTPUT_FILE "${_changelog}.gz")
  install(FILES "${_changelog}.gz" DESTINATION ${CMAKE_INSTALL_DOCDIR})
endif()
install(FILES "${CMAKE_CURRENT_LIST_DIR}/copyright" DESTINATION ${CMAKE_INSTALL_DOCDIR})
include(CPack)
