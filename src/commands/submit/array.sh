# In the background, so that this shell hears at once when it is asked to end: Slurm warns the shell alone.
SWEEP &
sweep=$!
trap 'asked=1; kill -TERM "$sweep" 2>/dev/null' TERM
wait "$sweep"
status=$?
# A signal ends the waiting, not the sweep.
while [ -n "$asked" ]; do
  asked=
  wait "$sweep"
  status=$?
done
# What is finished is kept, and the rest continues in another turn; but not that of a job that was cancelled.
if [ "$status" = INCOMPLETE ] && [ "$(squeue --noheader --format=%T --jobs="$SLURM_JOB_ID")" = RUNNING ]; then
  exec scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
