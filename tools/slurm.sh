#!/usr/bin/env bash
# Trains on the GPUs of several machines, in as many jobs after each other as it takes:
#
#   sbatch tools/slurm.sh configs/mask_former/ade20k_r50.yaml runs/ade20k data.train.batch_size=1
#
# Change the resources below. The run folder must be on a disk that all machines share.
#SBATCH --job-name=segkit
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
set -u
config=$1 run=$2
shift 2

MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
MASTER_PORT=$((10000 + SLURM_JOB_ID % 50000))
export MASTER_ADDR MASTER_PORT OMP_NUM_THREADS=1

# One process per GPU. None is ended because another has ended before it: each ends by itself, once it has saved.
# shellcheck disable=SC2016  # each task expands its own variables
srun --kill-on-bad-exit=0 bash -c '
    export RANK=$SLURM_PROCID LOCAL_RANK=$SLURM_LOCALID WORLD_SIZE=$SLURM_NTASKS
    exec python -m segkit train "$@"
' bash "$config" "$@" --output "$run" --resume &
training=$!

# Slurm sends USR1 to this script alone, 300 seconds before the end. srun passes it on to all processes.
trap 'kill -USR1 "$training"' USR1
code=0
wait "$training" || code=$?
while kill -0 "$training" 2>/dev/null; do # the signal has ended `wait`, not the training
    code=0
    wait "$training" || code=$?
done

# 75: stopped and saved. Every other code ends the job.
if [ "$code" -eq 75 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
