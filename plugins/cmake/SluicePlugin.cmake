# sluice_add_plugin(NAME SOURCE…): the plugin NAME.so in the build folder. One exported symbol, so
# that nothing of the daemon's takes the place of the plugin's or the other way round; no GNU unique
# symbols, which would keep the library in memory after dlclose; nothing left undefined.
function(sluice_add_plugin name)
  add_library(${name} MODULE ${ARGN})
  target_link_libraries(${name} PRIVATE Sluice::plugin)
  target_compile_options(${name} PRIVATE -fvisibility=hidden
    $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-fno-gnu-unique>)
  target_link_options(${name} PRIVATE -Wl,--version-script=${SLUICE_PLUGIN_MAP})
  set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX ".so" LINK_DEPENDS ${SLUICE_PLUGIN_MAP}
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
endfunction()

# sluice_add_plugin_test(NAME SOURCE…): a test program of the plugin NAME, of sources in C++20 that
# include sluice_plugin_test.hpp and find the plugin's path in NAME_PLUGIN (in capitals).
function(sluice_add_plugin_test name)
  string(MAKE_C_IDENTIFIER ${name}_PLUGIN define)
  string(TOUPPER ${define} define)
  add_executable(${name}_test ${ARGN})
  target_compile_features(${name}_test PRIVATE cxx_std_20)
  target_compile_definitions(${name}_test PRIVATE ${define}="$<TARGET_FILE:${name}>")
  target_link_libraries(${name}_test PRIVATE Sluice::plugin ${CMAKE_DL_LIBS})
  add_dependencies(${name}_test ${name})
  add_test(NAME ${name} COMMAND ${name}_test)
endfunction()
