cmake_minimum_required(VERSION 3.25)
# The path of an author of plugins, outside the tree: install, copy the template, build it with every
# compiler that is here, run its tests, and give the plugins readings with the daemon's host.
execute_process(COMMAND mktemp -d OUTPUT_VARIABLE temp OUTPUT_STRIP_TRAILING_WHITESPACE
  COMMAND_ERROR_IS_FATAL ANY)
set(prefix ${temp}/prefix)

function(run expected_code)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${temp} RESULT_VARIABLE code OUTPUT_VARIABLE out
    ERROR_VARIABLE out)
  set(out "${out}" PARENT_SCOPE)
  if(NOT code EQUAL expected_code)
    list(JOIN ARGN " " command)
    file(REMOVE_RECURSE ${temp})
    message(FATAL_ERROR "${command}: ended with ${code}, expected ${expected_code}\n${out}")
  endif()
endfunction()

function(expect_in_output text)
  string(FIND "${out}" "${text}" at)
  if(at EQUAL -1)
    file(REMOVE_RECURSE ${temp})
    message(FATAL_ERROR "expected \"${text}\" in\n${out}")
  endif()
endfunction()

# What both plugins of a folder do, as the daemon's host sees them.
function(try_plugins folder)
  run(0 ${SLUICECTL} plugins list --dir ${folder})
  expect_in_output("jump    1.0.0")
  expect_in_output("above   1.0.0")
  run(0 sh -c "${SLUICECTL} plugins test jump --dir ${folder} --config '{\"max_step\": 5}' --batch 2 \
    --restart < ${temp}/template/readings.jsonl")
  expect_in_output("3  drop too_far  temperature{room=\"a\"} Cel")
  expect_in_output("readings 5, pass 4, drop 1")
  run(0 sh -c "${SLUICECTL} plugins test above --dir ${folder} --config '{\"max\": 30}' --json \
    < ${temp}/template/readings.jsonl")
  expect_in_output("{\"line\":3,\"result\":\"drop\",\"rule\":\"above_max\",")
  run(2 ${SLUICECTL} plugins test above --dir ${folder})
  expect_in_output("config.max: missing; expected a number")
  foreach(plugin jump above)
    run(0 nm -D --defined-only ${folder}/${plugin}.so)
    string(REGEX MATCHALL "[^\n]+" symbols "${out}")
    list(LENGTH symbols count)
    if(NOT count EQUAL 1)
      message(FATAL_ERROR "${plugin}.so exports more than sluice_plugin_entry:\n${out}")
    endif()
  endforeach()
endfunction()

run(0 ${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix} --component plugin-sdk)
# The programs as a gateway has them, under another prefix than was configured.
run(0 ${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
set(SLUICECTL ${prefix}/bin/sluicectl)
run(0 cp -r ${prefix}/share/sluice/template ${temp}/template)
file(GLOB_RECURSE packages ${prefix}/*/sluice-plugin.pc)
cmake_path(GET packages PARENT_PATH pc_dir)

foreach(pair "gcc;g++" "clang;clang++")
  list(GET pair 0 c)
  list(GET pair 1 cpp)
  find_program(${c}_PATH ${c})
  find_program(${c}_CPP_PATH ${cpp})
  if(NOT ${c}_PATH OR NOT ${c}_CPP_PATH)
    continue()
  endif()
  set(built ${temp}/${c})
  run(0 ${CMAKE_COMMAND} -G Ninja -S ${temp}/template -B ${built} -DCMAKE_PREFIX_PATH=${prefix}
    -DCMAKE_C_COMPILER=${${c}_PATH} -DCMAKE_CXX_COMPILER=${${c}_CPP_PATH}
    "-DCMAKE_C_FLAGS=-std=c11 -Wall -Wextra -Wpedantic -Werror"
    "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror")
  run(0 ${CMAKE_COMMAND} --build ${built})
  run(0 ${CMAKE_CTEST_COMMAND} --test-dir ${built} --no-tests=error)
  expect_in_output("100% tests passed, 0 tests failed out of 2")
  try_plugins(${built})

  # The two commands of the template's README, without CMake.
  set(plain ${temp}/plain_${c})
  file(MAKE_DIRECTORY ${plain})
  set(ENV{PKG_CONFIG_PATH} ${pc_dir})
  run(0 sh -c "${${c}_CPP_PATH} -std=c++20 -O2 $(pkg-config --cflags sluice-plugin) template/jump.cpp \
    $(pkg-config --libs sluice-plugin) -o ${plain}/jump.so")
  run(0 sh -c "${${c}_PATH} -std=c11 -O2 $(pkg-config --cflags sluice-plugin) template/above.c \
    $(pkg-config --libs sluice-plugin) -o ${plain}/above.so")
  try_plugins(${plain})
endforeach()

# The aggregate of plugins/README.md as it stands there, with its test.
file(READ ${CMAKE_CURRENT_LIST_DIR}/../../plugins/README.md readme)
set(first "    #include \"sluice_aggregate.hpp\"")
set(last "    SLUICE_AGGREGATE_PLUGIN(Spread, \"spread\", \"1.0.0\")")
string(FIND "${readme}" "${first}" from)
string(FIND "${readme}" "${last}" to)
if(from EQUAL -1 OR to EQUAL -1)
  message(FATAL_ERROR "plugins/README.md has no aggregate of an author's own any more")
endif()
math(EXPR size "${to} - ${from}")
string(SUBSTRING "${readme}" ${from} ${size} source)
file(WRITE ${temp}/spread.cpp "${source}${last}\n")
file(WRITE ${temp}/spread_test.cpp [[
#include "sluice_plugin_test.hpp"
using namespace sluice::sdk::test;
int main() {
  AggregateHarness spread("./spread.so");
  SLUICE_EXPECT(spread.fold({{0, 1}, {1, 5}, {2, 3}}).at("spread") == 4);
  spread.check_laws({{0, 1}, {1, 5}, {2, 3}, {3, -2}});
  return failures();
}
]])
foreach(compiler g++ clang++)
  find_program(${compiler}_PATH ${compiler})
  if(NOT ${compiler}_PATH)
    continue()
  endif()
  set(strict -std=c++20 -O1 -Wall -Wextra -Wpedantic -Werror)
  list(JOIN strict " " strict)
  run(0 sh -c "${compiler} ${strict} $(pkg-config --cflags sluice-plugin) spread.cpp \
    $(pkg-config --libs sluice-plugin) -o spread.so")
  run(0 sh -c "${compiler} ${strict} $(pkg-config --cflags sluice-plugin) spread_test.cpp -ldl -o spread_test")
  run(0 ${temp}/spread_test)
  run(0 sh -c "${SLUICECTL} plugins test spread --dir ${temp} --aggregate --in-process \
    < ${temp}/template/readings.jsonl")
  expect_in_output("spread   64.9  Cel")
endforeach()

# The template's tests notice a plugin whose snapshot is not its state.
file(READ ${temp}/template/jump.cpp source)
string(REPLACE "w.u64(series), w.f64(value)" "w.u64(series), w.f64(value + 1)" source "${source}")
file(WRITE ${temp}/template/jump.cpp "${source}")
run(0 ${CMAKE_COMMAND} --build ${built})
run(8 ${CMAKE_CTEST_COMMAND} --test-dir ${built})
expect_in_output("1 - jump (")

foreach(source jump.cpp above.c)
  file(STRINGS ${prefix}/share/sluice/template/${source} lines)
  list(LENGTH lines count)
  if(count GREATER_EQUAL 40)
    message(FATAL_ERROR "${source} of the template has ${count} lines, expected less than 40")
  endif()
endforeach()
file(REMOVE_RECURSE ${temp})
