# In the background, so that this shell hears at once when it is asked to end: Slurm warns the shell alone.
asked= sweep=
trap 'asked=1; [ -z "$sweep" ] || kill -TERM "$sweep" 2>/dev/null' TERM
SWEEP &
sweep=$!
[ -z "$asked" ] || kill -TERM "$sweep"
wait "$sweep"
status=$?
# A signal ends the waiting, not the sweep.
while [ -n "$asked" ]; do
  asked=
  wait "$sweep"
  status=$?
done
# What is finished is kept, and the rest continues in another turn; but not that of a job that was cancelled.
# SLURM_JOB_ID of one task is that of the whole array.
task=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
if [ "$status" = INCOMPLETE ] && [ "$(squeue --noheader --format=%T --jobs="$task")" = RUNNING ]; then
  exec scontrol requeue "$task"
fi
exit "$status"
