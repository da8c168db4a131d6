# What `cmake --install` puts where: the program, the model as a library for find_package(limen), the manual page,
# completions, environment modules.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS limen RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# limen::model (headers), limen::cards (with the built-in cards), limen::sweep. Headers include each other from the
# root, as here: "model/predict.hpp".
set(_include ${CMAKE_INSTALL_INCLUDEDIR}/limen)
set(_package ${CMAKE_INSTALL_LIBDIR}/cmake/limen)
foreach(_target IN ITEMS flags model cards sweep)
  set_target_properties(limen_${_target} PROPERTIES EXPORT_NAME ${_target})
endforeach()
install(TARGETS limen_flags limen_model limen_cards limen_sweep EXPORT limen
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} INCLUDES DESTINATION ${_include})
foreach(_folder IN ITEMS model model/cards model/sweep)
  file(GLOB _headers CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${_folder}/*.hpp")
  install(FILES ${_headers} DESTINATION ${_include}/${_folder})
endforeach()
install(EXPORT limen NAMESPACE limen:: DESTINATION ${_package} FILE limenTargets.cmake)
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/limenConfig.cmake.in"
  "${CMAKE_BINARY_DIR}/packaging/limenConfig.cmake" INSTALL_DESTINATION ${_package})
write_basic_package_version_file("${CMAKE_BINARY_DIR}/packaging/limenConfigVersion.cmake"
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/packaging/limenConfig.cmake" "${CMAKE_BINARY_DIR}/packaging/limenConfigVersion.cmake"
  DESTINATION ${_package})

# Written by the program itself from its own options, so that they cannot go stale.
if(NOT CMAKE_CROSSCOMPILING)
  string(TIMESTAMP _today "%Y-%m-%d" UTC)  # SOURCE_DATE_EPOCH, if that is set
  find_program(LIMEN_GZIP gzip)
  set(_generated)
  function(_limen_generate what file folder)
    set(_out "${CMAKE_BINARY_DIR}/packaging/${file}")
    add_custom_command(OUTPUT "${_out}" COMMAND limen generate ${what} ${ARGN} > "${_out}" DEPENDS limen VERBATIM)
    if(what STREQUAL "man" AND LIMEN_GZIP)
      add_custom_command(OUTPUT "${_out}.gz" COMMAND "${LIMEN_GZIP}" -9nc "${_out}" > "${_out}.gz" DEPENDS "${_out}" VERBATIM)
      set(_out "${_out}.gz")
    endif()
    install(FILES "${_out}" DESTINATION "${folder}")
    set(_generated ${_generated} "${_out}" PARENT_SCOPE)
  endfunction()
  _limen_generate(man limen.1 ${CMAKE_INSTALL_MANDIR}/man1 --date ${_today})
  _limen_generate(bash limen ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  _limen_generate(zsh _limen ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
  _limen_generate(fish limen.fish ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
  add_custom_target(limen_generated ALL DEPENDS ${_generated})
endif()

# `module use PREFIX/share/limen/modulefiles` finds them; they find the program from where they are themselves.
set(_modules ${CMAKE_INSTALL_DATADIR}/limen/modulefiles/limen)
configure_file("${CMAKE_CURRENT_LIST_DIR}/modules/limen.tcl" "${CMAKE_BINARY_DIR}/packaging/limen.tcl" @ONLY)
configure_file("${CMAKE_CURRENT_LIST_DIR}/modules/limen.lua" "${CMAKE_BINARY_DIR}/packaging/limen.lua" @ONLY)
install(FILES "${CMAKE_BINARY_DIR}/packaging/limen.tcl" DESTINATION ${_modules} RENAME ${PROJECT_VERSION})
install(FILES "${CMAKE_BINARY_DIR}/packaging/limen.lua" DESTINATION ${_modules} RENAME ${PROJECT_VERSION}.lua)
install(FILES "${CMAKE_CURRENT_LIST_DIR}/reframe/limen_check.py" DESTINATION ${CMAKE_INSTALL_DATADIR}/limen/reframe)
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
